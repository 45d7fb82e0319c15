# The structures of ex_rtp and ex_webrtc where the packages themselves cannot be had: their fields, and as much as it takes
# to make them of what came. With RTPX_ELIXIR_DEPS=FOLDER (ex_rtp, ex_sdp, ex_webrtc in it) the tests take the real ones.
defmodule ExRTP.Packet.Extension do
  defstruct [:id, :data]
end

defmodule ExRTP.Packet do
  alias ExRTP.Packet.Extension

  defstruct [
    :payload_type,
    :sequence_number,
    :timestamp,
    :ssrc,
    :payload,
    version: 2,
    padding: false,
    extension: false,
    marker: false,
    csrc: [],
    extension_profile: nil,
    extensions: nil,
    padding_size: 0
  ]

  def decode(<<v::2, p::1, x::1, cc::4, m::1, pt::7, number::16, time::32, ssrc::32, rest::binary>>) do
    with <<csrc::binary-size(cc)-unit(32), rest::binary>> <- rest,
         {profile, extensions, rest} <- extension(x, rest),
         {padding_size, payload} <- padding(p, rest) do
      {:ok,
       %__MODULE__{
         version: v,
         padding: p == 1,
         extension: x == 1,
         marker: m == 1,
         payload_type: pt,
         sequence_number: number,
         timestamp: time,
         ssrc: ssrc,
         csrc: for(<<one::32 <- csrc>>, do: one),
         extension_profile: profile,
         extensions: extensions,
         padding_size: padding_size,
         payload: payload
       }}
    else
      _cut -> {:error, :not_enough_data}
    end
  end

  def decode(_cut), do: {:error, :not_enough_data}

  defp padding(0, payload), do: {0, payload}
  defp padding(1, <<>>), do: :error

  defp padding(1, payload) do
    count = :binary.last(payload)
    if count <= byte_size(payload), do: {count, binary_part(payload, 0, byte_size(payload) - count)}, else: :error
  end

  defp extension(0, rest), do: {nil, nil, rest}

  defp extension(1, <<profile::16, words::16, data::binary-size(words)-unit(32), rest::binary>>) do
    case profile do
      0xBEDE -> {profile, one_byte(data), rest}
      0x1000 -> {profile, two_byte(data), rest}
      _other -> {profile, data, rest}
    end
  end

  defp extension(1, _cut), do: :error

  defp one_byte(<<0, rest::binary>>), do: one_byte(rest)

  defp one_byte(<<id::4, length::4, rest::binary>>) when id in 1..14 do
    size = length + 1
    <<data::binary-size(size), rest::binary>> = rest
    [%Extension{id: id, data: data} | one_byte(rest)]
  end

  defp one_byte(_end), do: []

  defp two_byte(<<0, rest::binary>>), do: two_byte(rest)

  defp two_byte(<<id, size, data::binary-size(size), rest::binary>>),
    do: [%Extension{id: id, data: data} | two_byte(rest)]

  defp two_byte(_end), do: []
end

defmodule ExWebRTC.MediaStreamTrack do
  defstruct [:id, :kind, streams: [], rids: nil]
end

defmodule ExWebRTC.RTPCodecParameters do
  defstruct [:payload_type, :mime_type, :clock_rate, :channels, :sdp_fmtp_line, rtcp_fbs: []]
end
