package main

import (
	"io"
	"net"
	"net/http"

	"github.com/pion/webrtc/v3"
)

// play answers one WHEP player.
func play() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	check(err)
	done := make(chan bool)
	var peer *webrtc.PeerConnection
	var video, audio *source
	http.HandleFunc("/whep", func(writer http.ResponseWriter, request *http.Request) {
		offer, err := io.ReadAll(request.Body)
		check(err)
		peer = newPeer()
		check(peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}))
		tracks := map[string]*webrtc.TrackLocalStaticRTP{}
		for kind, codec := range map[string]string{"sound": webrtc.MimeTypeOpus, "picture": webrtc.MimeTypeVP8} {
			track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: codec}, kind, "clock")
			check(err)
			sender, err := peer.AddTrack(track)
			check(err)
			tracks[kind] = track
			go func() { // reading makes Pion's interceptors see the NACKs
				buffer := make([]byte, 1500)
				for {
					if _, _, err := sender.Read(buffer); err != nil {
						return
					}
				}
			}()
		}
		answer, err := peer.CreateAnswer(nil)
		check(err)
		gathered := webrtc.GatheringCompletePromise(peer)
		check(peer.SetLocalDescription(answer))
		<-gathered
		connected := make(chan bool, 8)
		peer.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
			if state == webrtc.PeerConnectionStateConnected {
				connected <- true
			}
		})
		writer.Header().Set("Content-Type", "application/sdp")
		writer.Header().Set("Location", "/session")
		writer.WriteHeader(http.StatusCreated)
		_, _ = writer.Write([]byte(peer.LocalDescription().SDP))
		go func() {
			<-connected
			none := func() (mid, rid uint8) { return }
			audio, video = receive(tracks["sound"], none, "", ""), receive(tracks["picture"], none, "", "")
			print(map[string]any{"video": []int{video.port}, "audio": audio.port})
		}()
	})
	http.HandleFunc("/session", func(writer http.ResponseWriter, request *http.Request) { done <- true })
	go func() { check(http.Serve(listener, nil)) }()
	print(map[string]any{"url": "http://" + listener.Addr().String() + "/whep"})
	<-done
	print(map[string]any{"version": "v3", "frames": map[string]int{"": video.count()}, "sounds": audio.count()})
	check(peer.Close())
}
