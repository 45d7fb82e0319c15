module rtpx/pion_recorder

go 1.19
