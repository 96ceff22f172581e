// SPDX-License-Identifier: GPL-2.0-or-later

// asker: starts a child that it traces, and asks about it from whatever thread its goroutine is on. Says "child=PID",
// then "asked", and waits for SIGUSR1 from the test.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGUSR1)
	cmd := exec.Command("/bin/sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		select {}
	}()
	if err := <-started; err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("child=%d\n", cmd.Process.Pid)
	var regs syscall.PtraceRegs
	for i := 0; i < 20; i++ {
		_ = syscall.PtraceGetRegs(cmd.Process.Pid, &regs)
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Println("asked")
	<-quit
}
