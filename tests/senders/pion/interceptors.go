package main

import (
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v3"
)

// interceptors are Pion's own by default: reports, NACK.
func interceptors(engine *webrtc.MediaEngine) (*interceptor.Registry, error) {
	registry := &interceptor.Registry{}
	return registry, webrtc.RegisterDefaultInterceptors(engine, registry)
}
