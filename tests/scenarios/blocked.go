// SPDX-License-Identifier: GPL-2.0-or-later

// A Go program whose goroutines all wait in C code: the runtime begins a thread for each, and none ends.
package main

// #include <signal.h>
// #include <stdlib.h>
// #include <time.h>
// #include <unistd.h>
//
// /* SIGKILL to ourselves when our time is up. */
// static void guard(void)
// {
//         const char *s = getenv("FIXTURE_SECONDS");
//         struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
//         struct itimerspec when = {.it_value.tv_sec = s && atoi(s) > 0 ? atoi(s) : 90};
//         timer_t timer;
//
//         if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
//                 timer_settime(timer, 0, &when, NULL);
// }
//
// static void wait_for_ever(void)
// {
//         for (;;)
//                 pause();
// }
import "C"

import (
	"fmt"
	"os"
	"time"
)

const calls = 250

func main() {
	C.guard()
	fmt.Printf("ready pid=%d\n", os.Getpid())
	for i := 0; i < calls; i++ {
		go C.wait_for_ever()
		time.Sleep(2 * time.Millisecond)
	}
	fmt.Println("done")
	time.Sleep(time.Hour)
}
