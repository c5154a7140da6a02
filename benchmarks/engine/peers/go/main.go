// Peer of the engine's benchmark: Bloblang, the mapping language of Redpanda Connect, by its public API.
//
// Usage: peer FOLDER MODE SECONDS ROWS. A mapping for each event name holds the rules of that event; the host chooses
// it by name, after parsing the event once. Prints one JSON object.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/bloblang"
	"github.com/redpanda-data/benthos/v4/public/service"
)

type condition struct {
	Path  string          `json:"path"`
	Op    string          `json:"op"`
	Value json.RawMessage `json:"value"`
}

type rule struct {
	Event      string      `json:"event"`
	App        string      `json:"app"`
	Conditions []condition `json:"conditions"`
}

func (c condition) text() string {
	field, value := "this."+c.Path, string(c.Value)
	switch c.Op {
	case "gt":
		return field + " > " + value
	case "between":
		var limits []json.Number
		check(json.Unmarshal(c.Value, &limits))
		return field + " >= " + limits[0].String() + " && " + field + " <= " + limits[1].String()
	case "eq":
		return field + " == " + value
	case "in":
		return value + ".contains(" + field + ")"
	case "prefix":
		return field + ".has_prefix(" + value + ")"
	case "matches":
		return field + ".re_match(" + value + ")"
	}
	panic(c.Op)
}

const row = `{"id": this.id, "user": this.who.user_id, "value": this.what.total.value, "page": this.where.page, "items": this.what.items}`

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func mappings(rules []rule, matchOnly bool) map[string]*bloblang.Executor {
	texts := map[string][]string{}
	for _, r := range rules {
		terms := []string{"this.how.app == " + strconv.Quote(r.App)}
		for _, c := range r.Conditions {
			terms = append(terms, c.text())
		}
		then := row
		if matchOnly {
			then = "1"
		}
		texts[r.Event] = append(texts[r.Event], "if "+strings.Join(terms, " && ")+" { "+then+" } else { deleted() }")
	}
	found := map[string]*bloblang.Executor{}
	for event, parts := range texts {
		executor, err := bloblang.Parse("root = [" + strings.Join(parts, ",\n") + "]")
		check(err)
		found[event] = executor
	}
	return found
}

func run(events [][]byte, index map[string]*bloblang.Executor, out *bytes.Buffer) int {
	matches := 0
	for _, data := range events {
		message := service.NewMessage(data)
		event, err := message.AsStructured()
		check(err)
		executor := index[event.(map[string]any)["event"].(string)]
		if executor == nil {
			continue
		}
		answer, err := message.BloblangQuery(executor)
		check(err)
		rows, err := answer.AsStructured()
		check(err)
		list := rows.([]any)
		matches += len(list)
		if out != nil && len(list) > 0 {
			text, err := answer.AsBytes()
			check(err)
			out.Write(text)
			out.WriteByte('\n')
		}
	}
	return matches
}

func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func main() {
	folder, mode, file := os.Args[1], os.Args[2], os.Args[4]
	seconds, err := strconv.ParseFloat(os.Args[3], 64)
	check(err)
	text, err := os.ReadFile(folder + "/events.ndjson")
	check(err)
	events := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	text, err = os.ReadFile(folder + "/rules.json")
	check(err)
	var rules []rule
	check(json.Unmarshal(text, &rules))
	index := mappings(rules, mode == "match")
	var out *bytes.Buffer
	if mode == "bytes" {
		out = &bytes.Buffer{}
	}
	matches := run(events, index, out)
	if out != nil {
		check(os.WriteFile(file, out.Bytes(), 0o600))
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	started, before, count := time.Now(), cpu(), 0
	for cpu()-before < seconds {
		if out != nil {
			out.Reset()
		}
		run(events, index, out)
		count += len(events)
	}
	fmt.Printf("{\"events\": %d, \"cpu_s\": %.3f, \"wall_s\": %.3f, \"memory_mb\": %.1f, \"matches\": %d}\n",
		count, cpu()-before, time.Since(started).Seconds(), float64(memory.HeapAlloc)/1e6, matches)
}
