// SPDX-License-Identifier: GPL-2.0-or-later

// A Go program for dlv: ticks, and runs report() once, after the test sent SIGUSR1. Ends by itself.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

var reports int

//go:noinline
func report(n int) {
	reports += n
}

// SIGKILL to ourselves when our time is up, also when a debugger holds us then.
func guard() {
	seconds, err := strconv.ParseInt(os.Getenv("FIXTURE_SECONDS"), 10, 64)
	if err != nil || seconds <= 0 {
		seconds = 90
	}
	event := [8]uint64{1: uint64(syscall.SIGKILL)} // sigev_signo, sigev_notify SIGEV_SIGNAL is 0
	when := [4]int64{2: seconds}                   // it_interval, it_value
	var timer int32
	syscall.Syscall(syscall.SYS_TIMER_CREATE, 1, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&timer)))
	syscall.Syscall6(syscall.SYS_TIMER_SETTIME, uintptr(timer), 0, uintptr(unsafe.Pointer(&when)), 0, 0, 0)
}

func main() {
	guard()
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	fmt.Printf("ready pid=%d\n", os.Getpid())
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-tick.C:
		case <-told:
			report(1)
			fmt.Printf("done reports=%d\n", reports)
			return
		}
	}
}
