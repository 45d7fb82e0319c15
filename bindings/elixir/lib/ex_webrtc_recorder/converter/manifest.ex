defmodule ExWebRTC.Recorder.Converter.Manifest do
  @moduledoc "What a conversion wrote: stream id (with `_rid` for a simulcast layer) to file."

  @type file_manifest :: %{
          :location => ExWebRTC.Recorder.Manifest.location(),
          :duration_seconds => non_neg_integer(),
          optional(:thumbnail_location) => ExWebRTC.Recorder.Manifest.location()
        }
  @type t :: %{String.t() => file_manifest()}
end
