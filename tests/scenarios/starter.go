// SPDX-License-Identifier: GPL-2.0-or-later

// starter starts a child with Ptrace set, from a goroutine whose OS thread ends with it: nobody is left to take the
// SIGTRAP of the child's exec. With "stay" the thread lives on and detaches.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const (
	childSeconds = "0.5"
	settled      = 100 * time.Millisecond
	look         = 300 * time.Millisecond
)

func init() { runtime.LockOSThread() } // main keeps the main thread

func main() {
	stay := len(os.Args) > 1 && os.Args[1] == "stay"
	cmd := exec.Command("/bin/sleep", childSeconds)
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := cmd.Start()
		if err == nil && stay {
			var status syscall.WaitStatus
			_, err = syscall.Wait4(cmd.Process.Pid, &status, syscall.WALL, nil)
			if err == nil {
				err = syscall.PtraceDetach(cmd.Process.Pid)
			}
		}
		time.Sleep(settled) // the child has stopped: without a tracer its exec would raise no signal
		done <- err
		if stay {
			select {}
		}
	}()
	if err := <-done; err != nil {
		fmt.Println("start:", err)
		os.Exit(1)
	}
	fmt.Printf("ready child=%d\n", cmd.Process.Pid)
	time.Sleep(look)
	fmt.Println("wait:", cmd.Wait())
}
