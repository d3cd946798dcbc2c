// A correct receiver for Standard Webhooks in Go, by its standard library alone.
//
// Settings: PORT, WEBHOOK_SECRET.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	limit     = 100_000         // bytes in a body
	tolerance = 5 * time.Minute // between a signed time and our clock
)

var handled = map[string]bool{"user_signup": true, "order_placed": true, "payment_received": true}

// A receiver keeps the ids of what it has done. They die with the process, so a product keeps them in a database.
type receiver struct {
	key  []byte
	lock sync.Mutex
	done map[string]bool
}

// genuine says whether one of the signatures fits, and the time is near ours.
func (r *receiver) genuine(header http.Header, body []byte) bool {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strings.Contains(id, ".") { // a dot would let a piece of the id be moved into the time
		return false
	}
	signed := time.Unix(seconds, 0)
	if time.Since(signed) > tolerance || time.Until(signed) > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, r.key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, one := range strings.Split(header.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(one), []byte(expected)) {
			return true
		}
	}
	return false
}

func (r *receiver) webhook(response http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		response.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		response.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil { // it was cut, or a chunk is none
		response.WriteHeader(http.StatusBadRequest)
		return
	}
	if !r.genuine(request.Header, body) {
		response.WriteHeader(http.StatusUnauthorized)
		return
	}
	var event struct {
		ID   string          `json:"id"`
		Type string          `json:"event_type"`
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &event) != nil || event.ID == "" || len(event.ID) > 200 || event.Type == "" {
		response.WriteHeader(http.StatusBadRequest)
		return
	}
	if handled[event.Type] {
		r.lock.Lock()
		r.done[event.ID] = true
		r.lock.Unlock()
	}
	response.WriteHeader(http.StatusNoContent)
}

func (r *receiver) effects(response http.ResponseWriter, _ *http.Request) {
	r.lock.Lock()
	defer r.lock.Unlock()
	fmt.Fprint(response, len(r.done))
}

func main() {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	if err != nil || len(key) == 0 {
		log.Fatal("WEBHOOK_SECRET must be whsec_ and a key in base64")
	}
	r := &receiver{key: key, done: map[string]bool{}}
	routes := http.NewServeMux()
	routes.HandleFunc("/webhook", r.webhook)
	routes.HandleFunc("/effects", r.effects)
	// Without these times a slow client would be waited for without end.
	server := &http.Server{
		Addr:              "127.0.0.1:" + os.Getenv("PORT"),
		Handler:           routes,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
