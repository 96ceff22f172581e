// SPDX-License-Identifier: GPL-2.0-or-later

// gocalls MODE: Go programs that lose something by the calls they make. As target.c, it waits for SIGUSR1 from the test.
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

// ask: starts a child that it traces, and asks about it from whatever thread its goroutine is on.
func ask(quit chan os.Signal) {
	cmd := exec.Command("/bin/sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
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

// replace: becomes another program.
func replace(quit chan os.Signal) {
	<-quit
	fmt.Println(syscall.Exec("/bin/sleep", []string{"sleep", "60"}, nil))
}

func main() {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGUSR1)
	fmt.Printf("ready pid=%d\n", os.Getpid())
	if len(os.Args) > 1 && os.Args[1] == "replace" {
		replace(quit)
	} else {
		ask(quit)
	}
}
