// A WHIP server with Pion that records every track as it comes with librtpx, simulcast and RTCP included, and converts a
// recording when its sender has gone. usage: whip [-listen :8080] [-recordings DIR]; publish to http://localhost:8080/whip
//
// With Debian's packages (golang-github-pion-webrtc.v3-dev) and an installed librtpx:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o whip .
package main

/*
#cgo pkg-config: rtpx
#include <rtpx/rtpx.h>
#include <stdlib.h>
*/
import "C"

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"unsafe"

	"github.com/pion/webrtc/v3"
)

// recorder owns an rtpx_recorder. Its methods may be called by any goroutine until close.
type recorder struct{ c *C.rtpx_recorder }

// failure turns what a call left in its last argument into a Go error.
func failure(err *C.rtpx_error) error {
	if err == nil {
		return errors.New("out of memory")
	}
	defer C.rtpx_error_free(err)
	return errors.New(C.GoString(C.rtpx_error_message(err)))
}

func text(from *C.char) string {
	defer C.rtpx_free(unsafe.Pointer(from))
	return C.GoString(from)
}

func startRecorder(baseDir string) (*recorder, error) {
	var options C.rtpx_recorder_options
	C.rtpx_recorder_options_init(&options, C.sizeof_rtpx_recorder_options)
	dir := C.CString(baseDir)
	defer C.free(unsafe.Pointer(dir))
	options.base_dir = dir
	var err *C.rtpx_error
	c := C.rtpx_recorder_start(&options, &err)
	if c == nil {
		return nil, failure(err)
	}
	return &recorder{c}, nil
}

func (r *recorder) folder() string { return text(C.rtpx_recorder_folder(r.c)) }

// close ends all tracks and waits until they are on disk.
func (r *recorder) close() { C.rtpx_recorder_free(r.c) }

// track is a live track; the recorder may be closed before it is freed.
type track struct {
	c    *C.rtpx_track
	rids map[string]uint
}

type codec struct {
	PayloadType uint8    `json:"payload_type"`
	MimeType    string   `json:"mime_type"`
	ClockRate   uint32   `json:"clock_rate"`
	Channels    *uint16  `json:"channels"`
	Fmtp        *string  `json:"sdp_fmtp_line"`
	Feedback    []string `json:"rtcp_fbs"`
}

type description struct {
	ID         string         `json:"id"`
	Kind       string         `json:"kind"`
	Streams    []string       `json:"streams"`
	Rids       []string       `json:"rids"`
	Codecs     []codec        `json:"codecs"`
	Extensions map[string]int `json:"header_extensions"`
}

func describe(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) description {
	d := description{ID: remote.ID(), Kind: remote.Kind().String(), Streams: []string{remote.StreamID()}, Extensions: map[string]int{}}
	for _, layer := range receiver.Tracks() {
		if layer.RID() != "" {
			d.Rids = append(d.Rids, layer.RID())
		}
	}
	parameters := receiver.GetParameters()
	for _, c := range parameters.Codecs {
		one := codec{PayloadType: uint8(c.PayloadType), MimeType: c.MimeType, ClockRate: c.ClockRate}
		if c.Channels > 0 {
			channels := c.Channels
			one.Channels = &channels
		}
		if c.SDPFmtpLine != "" {
			line := fmt.Sprintf("%d %s", c.PayloadType, c.SDPFmtpLine)
			one.Fmtp = &line
		}
		for _, feedback := range c.RTCPFeedback {
			line := fmt.Sprintf("%d %s", c.PayloadType, feedback.Type)
			if feedback.Parameter != "" {
				line += " " + feedback.Parameter
			}
			one.Feedback = append(one.Feedback, line)
		}
		d.Codecs = append(d.Codecs, one)
	}
	for _, extension := range parameters.HeaderExtensions {
		d.Extensions[extension.URI] = extension.ID
	}
	return d
}

func (r *recorder) add(d description) (*track, error) {
	encoded, err := json.Marshal([]description{d})
	if err != nil {
		return nil, err
	}
	tracks, id := C.CString(string(encoded)), C.CString(d.ID)
	defer C.free(unsafe.Pointer(tracks))
	defer C.free(unsafe.Pointer(id))
	var failed *C.rtpx_error
	manifest := C.rtpx_recorder_add_tracks_json(r.c, tracks, &failed)
	if manifest == nil {
		return nil, failure(failed)
	}
	C.rtpx_free(unsafe.Pointer(manifest))
	c := C.rtpx_recorder_track(r.c, id, &failed)
	if c == nil {
		return nil, failure(failed)
	}
	rids := map[string]uint{}
	for index, rid := range d.Rids {
		rids[rid] = uint(index)
	}
	return &track{c, rids}, nil
}

// record never waits. What it does not accept, the recorder counts.
func (t *track) record(rid string, packet []byte) {
	C.rtpx_track_record(t.c, C.uint(t.rids[rid]), unsafe.Pointer(&packet[0]), C.size_t(len(packet)), nil)
}

func (t *track) recordRTCP(packet []byte) {
	C.rtpx_track_record_rtcp(t.c, unsafe.Pointer(&packet[0]), C.size_t(len(packet)), nil)
}

func convert(folder, output string) (string, error) {
	var options C.rtpx_convert_options
	C.rtpx_convert_options_init(&options, C.sizeof_rtpx_convert_options)
	recording, path := C.CString(folder), C.CString(output)
	defer C.free(unsafe.Pointer(recording))
	defer C.free(unsafe.Pointer(path))
	options.output_path = path
	var err *C.rtpx_error
	result := C.rtpx_convert(recording, &options, &err)
	if result == nil {
		return "", failure(err)
	}
	return text(result), nil
}

// call is one sender: a peer connection and its recorder.
type call struct {
	recorder *recorder
	mutex    sync.Mutex
	tracks   map[string]*track
	reading  sync.WaitGroup
}

// track finds or adds the track of a layer: those of one simulcast track share its id.
func (c *call) track(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) (*track, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if known, ok := c.tracks[remote.ID()]; ok {
		return known, nil
	}
	added, err := c.recorder.add(describe(remote, receiver))
	if err == nil {
		c.tracks[remote.ID()] = added
	}
	return added, err
}

func (c *call) onTrack(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	recorded, err := c.track(remote, receiver)
	if err != nil {
		log.Print(err)
		return
	}
	c.reading.Add(2)
	go func() {
		defer c.reading.Done()
		buffer := make([]byte, 1500)
		for {
			var size int
			var err error
			if remote.RID() == "" {
				size, _, err = receiver.Read(buffer)
			} else {
				size, _, err = receiver.ReadSimulcast(buffer, remote.RID())
			}
			if err != nil {
				return
			}
			if size > 0 {
				recorded.recordRTCP(buffer[:size])
			}
		}
	}()
	defer c.reading.Done()
	buffer := make([]byte, 65535)
	for {
		size, _, err := remote.Read(buffer)
		if err != nil {
			return
		}
		if size > 0 {
			recorded.record(remote.RID(), buffer[:size])
		}
	}
}

// end waits for the readers, closes the recording and makes files of it.
func (c *call) end() {
	c.reading.Wait()
	folder := c.recorder.folder()
	c.recorder.close()
	for _, t := range c.tracks {
		C.rtpx_track_free(t.c)
	}
	result, err := convert(folder, folder+"/videos")
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(result)
}

func whip(recordings string) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		offer, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, 1<<20))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		peer, err := webrtc.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		started, err := startRecorder(recordings)
		if err != nil {
			peer.Close()
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		session := &call{recorder: started, tracks: map[string]*track{}}
		var once sync.Once
		peer.OnTrack(session.onTrack)
		peer.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
			if state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateDisconnected {
				peer.Close()
			}
			if state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed {
				once.Do(func() { go session.end() })
			}
		})
		answer, err := negotiate(peer, string(offer))
		if err != nil {
			peer.Close()
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		log.Print("recording into ", started.folder())
		writer.Header().Set("Content-Type", "application/sdp")
		writer.Header().Set("Location", "/whip")
		writer.WriteHeader(http.StatusCreated)
		io.WriteString(writer, answer)
	}
}

func negotiate(peer *webrtc.PeerConnection, offer string) (string, error) {
	if err := peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(peer)
	answer, err := peer.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	if err := peer.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return peer.LocalDescription().SDP, nil
}

func main() {
	listen := flag.String("listen", ":8080", "address")
	recordings := flag.String("recordings", "recordings", "folder of recordings")
	flag.Parse()
	http.HandleFunc("/whip", whip(*recordings))
	log.Fatal(http.ListenAndServe(*listen, nil))
}
