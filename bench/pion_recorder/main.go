// pion_recorder PORT FOLDER: what one would write instead with Pion v3: a WHIP server (POST /whip) that writes the RTP of
// each track to a file, packet after packet behind its length. All sessions share one UDP port. GET /stats tells how
// many packets it has written.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v3"
)

var packets, files uint64

func record(track *webrtc.TrackRemote, folder string) {
	name := fmt.Sprintf("%d-%s.rtp", atomic.AddUint64(&files, 1), track.Kind())
	file, err := os.Create(filepath.Join(folder, name))
	if err != nil {
		log.Print(err)
		return
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 64<<10)
	defer out.Flush()
	packet := make([]byte, 2048)
	var length [2]byte
	for {
		size, _, err := track.Read(packet)
		if err != nil {
			return
		}
		binary.BigEndian.PutUint16(length[:], uint16(size))
		if _, err := out.Write(length[:]); err != nil {
			log.Print(err)
			return
		}
		if _, err := out.Write(packet[:size]); err != nil {
			log.Print(err)
			return
		}
		atomic.AddUint64(&packets, 1)
	}
}

func makeAPI() (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	interceptors := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, interceptors); err != nil {
		return nil, err
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if err := socket.SetReadBuffer(32 << 20); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEUDPMux(webrtc.NewICEUDPMux(nil, socket))
	settings.SetIncludeLoopbackCandidate(true)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors),
		webrtc.WithSettingEngine(settings)), nil
}

func answer(api *webrtc.API, offer, folder string) (string, error) {
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { record(track, folder) })
	if err := connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	description, err := connection.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(description); err != nil {
		return "", err
	}
	<-gathered
	return connection.LocalDescription().SDP, nil
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: pion_recorder PORT FOLDER")
	}
	api, err := makeAPI()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/whip", func(out http.ResponseWriter, in *http.Request) {
		offer, err := io.ReadAll(io.LimitReader(in.Body, 1<<17))
		if err == nil {
			var text string
			if text, err = answer(api, string(offer), os.Args[2]); err == nil {
				out.Header().Set("Content-Type", "application/sdp")
				out.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(out, text)
				return
			}
		}
		http.Error(out, err.Error(), http.StatusBadRequest)
	})
	http.HandleFunc("/stats", func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(out, "packets %d\n", atomic.LoadUint64(&packets))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
