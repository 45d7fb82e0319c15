#pragma once

#include "ingest/sdp/sdp.hpp"

namespace rtpx::sdp {

/// Reads one attribute into the fields of its section. What it cannot read it leaves.
void apply(const Attribute& attribute, Session& session);
void apply(const Attribute& attribute, Media& media);

}  // namespace rtpx::sdp
