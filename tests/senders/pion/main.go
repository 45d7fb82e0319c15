// Pion v3 publishes RTP that comes to loopback ports: pion WHIP_URL SECONDS LAYERS; prints the ports, and after SECONDS what was
// sent. pion whep plays it to whoever asks at the address that it prints, and prints what was sent when DELETE comes.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// source forwards packets once `ready` is closed and counts their RTP times.
type source struct {
	port   int
	mutex  sync.Mutex
	frames map[uint32]bool
}

func (s *source) count() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.frames)
}

func receive(track *webrtc.TrackLocalStaticRTP, extensions func() (mid, rid uint8), mid, rid string) *source {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	_ = socket.SetReadBuffer(1 << 20)
	s := &source{port: socket.LocalAddr().(*net.UDPAddr).Port, frames: map[uint32]bool{}}
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, err := socket.Read(buffer)
			if err != nil {
				return
			}
			if n < 12 || (buffer[1] >= 200 && buffer[1] <= 207) {
				continue
			}
			packet := &rtp.Packet{}
			if packet.Unmarshal(append([]byte{}, buffer[:n]...)) != nil {
				continue
			}
			if midID, ridID := extensions(); rid != "" && ridID != 0 {
				check(packet.SetExtension(midID, []byte(mid)))
				check(packet.SetExtension(ridID, []byte(rid)))
			}
			if track.WriteRTP(packet) == nil {
				s.mutex.Lock()
				s.frames[packet.Timestamp] = true
				s.mutex.Unlock()
			}
		}
	}()
	return s
}

func newPeer() *webrtc.PeerConnection {
	engine := &webrtc.MediaEngine{}
	check(engine.RegisterDefaultCodecs())
	for _, uri := range []string{"urn:ietf:params:rtp-hdrext:sdes:mid", "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"} {
		check(engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo))
	}
	registry, err := interceptors(engine)
	check(err)
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	peer, err := api.NewPeerConnection(webrtc.Configuration{})
	check(err)
	return peer
}

func main() {
	if os.Args[1] == "whep" {
		play()
		return
	}
	target, seconds, layers := os.Args[1], 0.0, 1
	seconds, _ = strconv.ParseFloat(os.Args[2], 64)
	layers, _ = strconv.Atoi(os.Args[3])
	peer := newPeer()

	sound, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "sound", "clock")
	check(err)
	_, err = peer.AddTransceiverFromTrack(sound, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	check(err)
	rids := []string{"f", "h", "q"}[:layers]
	var pictures []*webrtc.TrackLocalStaticRTP
	var sender *webrtc.RTPSender
	for i, rid := range rids {
		var options []func(*webrtc.TrackLocalStaticRTP)
		if layers > 1 {
			options = append(options, webrtc.WithRTPStreamID(rid))
		}
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "picture", "clock", options...)
		check(err)
		pictures = append(pictures, track)
		if i == 0 {
			transceiver, err := peer.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			check(err)
			sender = transceiver.Sender()
		} else {
			check(sender.AddEncoding(track))
		}
	}
	go func() { // reading makes Pion's interceptors see the NACKs
		buffer := make([]byte, 1500)
		for {
			if _, _, err := sender.Read(buffer); err != nil {
				return
			}
		}
	}()
	for _, rid := range rids[1:] {
		go func(rid string) {
			buffer := make([]byte, 1500)
			for {
				if _, _, err := sender.ReadSimulcast(buffer, rid); err != nil {
					return
				}
			}
		}(rid)
	}

	offer, err := peer.CreateOffer(nil)
	check(err)
	gathered := webrtc.GatheringCompletePromise(peer)
	check(peer.SetLocalDescription(offer))
	<-gathered
	response, err := http.Post(target, "application/sdp", bytes.NewBufferString(peer.LocalDescription().SDP))
	check(err)
	answer, err := io.ReadAll(response.Body)
	check(err)
	if response.StatusCode != 201 {
		panic(string(answer))
	}
	base, _ := url.Parse(target)
	session, err := base.Parse(response.Header.Get("Location"))
	check(err)
	connected := make(chan bool, 8)
	peer.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			connected <- true
		}
	})
	check(peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}))
	<-connected

	extensions := func() (mid, rid uint8) {
		for _, one := range sender.GetParameters().HeaderExtensions {
			switch one.URI {
			case "urn:ietf:params:rtp-hdrext:sdes:mid":
				mid = uint8(one.ID)
			case "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id":
				rid = uint8(one.ID)
			}
		}
		return
	}
	audio := receive(sound, extensions, "", "")
	var video []*source
	var ports []int
	for i, track := range pictures {
		rid := ""
		if layers > 1 {
			rid = rids[i]
		}
		video = append(video, receive(track, extensions, "1", rid))
		ports = append(ports, video[i].port)
	}
	print(map[string]any{"video": ports, "audio": audio.port})
	for float64(video[0].count()) < seconds*25 {
		time.Sleep(20 * time.Millisecond)
	}
	frames := map[string]int{}
	for i, one := range video {
		name := rids[i]
		if layers == 1 {
			name = ""
		}
		frames[name] = one.count()
	}
	time.Sleep(500 * time.Millisecond) // what was lost last is asked for again
	request, _ := http.NewRequest("DELETE", session.String(), nil)
	_, err = http.DefaultClient.Do(request)
	check(err)
	check(peer.Close())
	print(map[string]any{"version": "v3", "frames": frames})
}

func print(value any) {
	text, err := json.Marshal(value)
	check(err)
	fmt.Println(string(text))
}
