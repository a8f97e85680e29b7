// rrule-go: see README.md for what is measured and printed.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/teambition/rrule-go"
)

const (
	budget = 100 * time.Millisecond
	rounds = 3
	perRun = 1000
)

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// ns of a call: the best of some rounds of as many calls as fit into the budget, at least one
func best(call func()) float64 {
	found := 1e18
	for round := 0; round < rounds; round++ {
		calls := 0
		begin := processorTime()
		var spent time.Duration
		for {
			call()
			calls++
			if spent = processorTime() - begin; spent >= budget {
				break
			}
		}
		if ns := float64(spent.Nanoseconds()) / float64(calls); ns < found {
			found = ns
		}
	}
	return found
}

func rule(text string, year int) *rrule.RRule {
	option, err := rrule.StrToROption(text)
	if err != nil {
		panic(err)
	}
	option.Dtstart = time.Date(year, 11, 22, 9, 0, 0, 0, time.UTC)
	made, err := rrule.NewRRule(*option)
	if err != nil {
		panic(err)
	}
	return made
}

func run(r *rrule.RRule) int {
	n := 0
	next := r.Iterator()
	for n < perRun {
		if _, more := next(); !more {
			break
		}
		n++
	}
	return n
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/teambition/rrule-go" {
			return module.Version
		}
	}
	return "unknown"
}

func main() {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	fmt.Printf("# rrule-go %s, %s\n", version(), runtime.Version())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		text := lines.Text()
		near, far := rule(text, 2016), rule(text, 1976)
		fmt.Printf("%.1f %.1f %.1f %.1f\n",
			best(func() { near.After(now, false) }),
			best(func() { far.After(now, false) }),
			best(func() { run(far) })/float64(run(far)),
			best(func() { _, _ = rrule.StrToROption(text) }))
	}
}
