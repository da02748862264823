// Goroutines on many threads, child processes, and a server on the loopback.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
)

func check(err error) {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func files(group *sync.WaitGroup, sums []int, i int) {
	defer group.Done()
	for n := 0; n < 50; n++ {
		path := fmt.Sprintf("file-%d", i)
		check(os.WriteFile(path, []byte(strings.Repeat("x", i)), 0600))
		text, err := os.ReadFile(path)
		check(err)
		check(os.Remove(path))
		sums[i] += len(text)
	}
}

func children(group *sync.WaitGroup, out []string, i int) {
	defer group.Done()
	command := exec.Command("sh", "-c", fmt.Sprintf("echo child %d; exit %d", i, i))
	text, err := command.Output()
	out[i] = fmt.Sprintf("%s %v", strings.TrimSpace(string(text)), err)
}

func serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(connection, connection)
			connection.Close()
		}()
	}
}

func talk(group *sync.WaitGroup, address string, out []string, i int) {
	defer group.Done()
	connection, err := net.Dial("tcp", address)
	check(err)
	fmt.Fprintf(connection, "line %d", i)
	connection.(*net.TCPConn).CloseWrite()
	text, err := io.ReadAll(connection)
	check(err)
	out[i] = string(text)
}

func main() {
	var group sync.WaitGroup
	const workers = 16
	sums := make([]int, workers)
	lines := make([]string, 2*workers)
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go serve(listener)
	for i := 0; i < workers; i++ {
		group.Add(3)
		go files(&group, sums, i)
		go children(&group, lines[:workers], i)
		go talk(&group, listener.Addr().String(), lines[workers:], i)
	}
	group.Wait()
	listener.Close()
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-got, sums)
	fmt.Println(strings.Join(lines, "\n"))
	_, err = exec.Command("/nonexistent").Output()
	fmt.Println(err)
	os.Exit(21)
}
