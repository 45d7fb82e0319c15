defmodule ExWebRTC.Recorder do
  @moduledoc """
  Records the RTP packets of tracks to disk with librtpx.

  A drop-in for the package `ex_webrtc_recorder`: the same functions, options, results and messages, the same files.
  `record/4` and `record/5` copy the packet into memory of librtpx on the caller's scheduler and return; no process's mailbox
  grows, and threads of librtpx bring it to disk. Use `ExWebRTC.Recorder.Converter` to make files that play.
  """

  use GenServer

  alias ExWebRTC.Recorder.{JSON, Manifest, Native, S3, Tracks}

  require Logger

  @default_base_dir "./recordings"

  @type recorder :: GenServer.server()
  @type track_id :: term()
  @type rid :: String.t()

  @typedoc """
  * `:base_dir` - folder of recordings; each recorder makes a dated folder in it. `#{inspect(@default_base_dir)}` by default.
  * `:on_start` - called right after the recorder has started or was restarted; returns the tracks to add.
  * `:controlling_process` - who receives messages; by default who starts the recorder.
  * `:s3_upload_config` - store finished tracks: `t:ExWebRTC.Recorder.S3.upload_config/0`.
  * `:rtpx_events` - with `true`, what librtpx tells besides comes as `{:ex_webrtc_recorder, pid, {:rtpx_event, map}}`
    (docs/c-api.md); by default it is logged.
  """
  @type option ::
          {:base_dir, String.t()}
          | {:on_start, (() -> [struct()])}
          | {:controlling_process, Process.dest()}
          | {:s3_upload_config, S3.upload_config()}
          | {:rtpx_events, boolean()}
  @type options :: [option()]

  @typedoc "What the controlling process receives when an upload that `end_tracks/2` began has ended."
  @type message ::
          {:ex_webrtc_recorder, pid(),
           {:upload_complete, S3.upload_task_ref(), Manifest.t()} | {:upload_failed, S3.upload_task_ref(), Manifest.t()}}

  @typedoc "The ended tracks, with local locations, and the reference of their upload."
  @type end_tracks_ok_result :: {:ok, Manifest.t(), S3.upload_task_ref() | nil}

  @doc false
  def child_spec(args), do: %{id: __MODULE__, start: {__MODULE__, :start_link, args}}

  @doc "Starts a recorder; `gen_server_opts` are those of `GenServer.start/3`."
  @spec start(options(), GenServer.options()) :: GenServer.on_start()
  def start(recorder_opts \\ [], gen_server_opts \\ []),
    do: GenServer.start(__MODULE__, with_owner(recorder_opts), gen_server_opts)

  @doc "As `start/2`, linked to the caller."
  @spec start_link(options(), GenServer.options()) :: GenServer.on_start()
  def start_link(recorder_opts \\ [], gen_server_opts \\ []),
    do: GenServer.start_link(__MODULE__, with_owner(recorder_opts), gen_server_opts)

  defp with_owner(options), do: Keyword.put_new(options, :controlling_process, self())

  @doc """
  Adds tracks, all or none, and returns their manifest. Tracks are `ExWebRTC.MediaStreamTrack`s, or anything with `id`, `kind`,
  `streams` and `rids`; `codecs` and `header_extensions` in the manifest's form are taken where there are some.

  `{:error, {code, message}}` where librtpx refuses, such as `:already_exists` for an id that was added before.
  """
  @spec add_tracks(recorder(), [struct() | map()]) :: {:ok, Manifest.t()} | {:error, {atom(), String.t()}}
  def add_tracks(recorder, tracks), do: GenServer.call(recorder, {:add_tracks, tracks}, :infinity)

  @doc "Records a packet: an `ExRTP.Packet`, or the bytes of one as they came. Never waits."
  @spec record(recorder(), track_id(), rid() | nil, struct() | binary()) :: :ok
  def record(recorder, track_id, rid, packet), do: record(recorder, track_id, rid, nil, packet)

  @doc "As `record/4`, with the `ExWebRTC.RTPCodecParameters` of the packet, which the manifest keeps."
  @spec record(recorder(), track_id(), rid() | nil, struct() | nil, struct() | binary()) :: :ok
  def record(recorder, track_id, rid, codec, packet) when is_map(packet) or is_binary(packet) do
    case pid_of(recorder) do
      nil -> :ok
      pid when node(pid) == node() -> record_here(pid, track_id, rid, codec, packet)
      pid -> GenServer.cast(pid, {:record, track_id, rid, codec, packet})
    end
  end

  @doc "Records an RTCP compound packet that came for a track."
  @spec record_rtcp(recorder(), track_id(), binary()) :: :ok
  def record_rtcp(recorder, track_id, packet) when is_binary(packet) do
    with pid when is_pid(pid) <- pid_of(recorder), {:ok, track} <- Tracks.find(pid, track_id) do
      Native.record_rtcp(track, packet)
    end

    :ok
  end

  @doc "Changes who receives messages."
  @spec controlling_process(recorder(), Process.dest()) :: :ok
  def controlling_process(recorder, controlling_process),
    do: GenServer.call(recorder, {:controlling_process, controlling_process})

  @doc "Ends tracks: they are written, synced and, where an upload is configured, stored. Ids that are not live are skipped."
  @spec end_tracks(recorder(), [track_id()]) ::
          end_tracks_ok_result() | {:error, :tracks_not_found} | {:error, {atom(), String.t()}}
  def end_tracks(recorder, track_ids), do: GenServer.call(recorder, {:end_tracks, track_ids}, :infinity)

  defp pid_of(pid) when is_pid(pid), do: pid

  defp pid_of(server) do
    case GenServer.whereis(server) do
      {name, node} -> if(node == node(), do: Process.whereis(name), else: :rpc.call(node, Process, :whereis, [name]))
      found -> found
    end
  end

  defp record_here(pid, track_id, rid, codec, packet) do
    case Tracks.find(pid, track_id) do
      {:ok, track} -> track |> write(rid, codec, packet) |> tell(track_id, rid)
      :error -> tell(:unknown_track, track_id, rid)
    end
  end

  defp write(track, rid, nil, packet), do: Native.record(track, rid, packet, -1)

  defp write(track, rid, codec, packet) do
    with :needs_codec <- Native.record(track, rid, packet, codec.payload_type) do
      codec = Manifest.codec_to_json(codec)

      Native.record_codec(
        track,
        rid,
        packet,
        codec["payload_type"],
        codec["mime_type"],
        codec["clock_rate"],
        codec["channels"] || 0,
        codec["sdp_fmtp_line"],
        codec["rtcp_fbs"] || []
      )
    end
  end

  # The disk's refusals are counted by librtpx, which tells them by event.
  defp tell(outcome, _track_id, _rid) when outcome in [:accepted, :queue_full, :disk_full, :failed], do: :ok

  defp tell(outcome, track_id, rid) do
    why =
      case outcome do
        :unknown_track -> "its track id is unknown"
        :unknown_rid -> "its rid #{inspect(rid)} is unknown"
        :ended -> "its track has ended"
        :too_large -> "it is larger than a datagram"
        :bad_packet -> "it is no ExRTP.Packet that can be encoded"
      end

    Logger.warning("A packet of track #{inspect(track_id)} was not recorded: #{why}.")
  end

  # ---- The process: everything that may wait ----

  @impl true
  def init(config) do
    Process.flag(:trap_exit, true)
    base_dir = (config[:base_dir] || @default_base_dir) |> Path.expand()
    options = %{base_dir: base_dir, s3_upload_config: S3.native_upload_config(config[:s3_upload_config])}

    case Native.start(options, self()) do
      {:ok, native} ->
        {:ok, folder} = Native.folder(native)
        Logger.info("Recording into #{folder}")
        :ok = Tracks.own(self())

        state = %{
          native: native,
          owner: config[:controlling_process],
          ids: %{},
          uploads: %{},
          events?: config[:rtpx_events] == true
        }

        {:ok, state, {:continue, {:on_start, config[:on_start]}}}

      {:error, {code, message}} ->
        {:stop, {code, message}}
    end
  end

  @impl true
  def handle_continue({:on_start, nil}, state), do: {:noreply, state}

  def handle_continue({:on_start, on_start}, state) do
    case on_start.() do
      [] ->
        {:noreply, state}

      tracks ->
        case add(tracks, state) do
          {{:ok, _manifest}, state} -> {:noreply, state}
          {{:error, reason}, state} -> {:stop, reason, state}
        end
    end
  end

  @impl true
  def handle_call({:controlling_process, owner}, _from, state), do: {:reply, :ok, %{state | owner: owner}}

  def handle_call({:add_tracks, tracks}, _from, state) do
    {reply, state} = add(tracks, state)
    {:reply, reply, state}
  end

  def handle_call({:end_tracks, track_ids}, _from, state) do
    known = for id <- track_ids, is_map_key(state.ids, to_string(id)), do: to_string(id)

    case Native.end_tracks(state.native, known) do
      {:ok, json, 0} ->
        {:reply, {:ok, manifest(json, state), nil}, state}

      {:ok, json, number} ->
        ref = make_ref()
        {:reply, {:ok, manifest(json, state), ref}, %{state | uploads: Map.put(state.uploads, number, ref)}}

      {:error, {:tracks_not_found, _message}} ->
        {:reply, {:error, :tracks_not_found}, state}

      {:error, reason} ->
        {:reply, {:error, reason}, state}
    end
  end

  # Packets from other nodes.
  @impl true
  def handle_cast({:record, track_id, rid, codec, packet}, state) do
    record_here(self(), track_id, rid, codec, packet)
    {:noreply, state}
  end

  @impl true
  def handle_info({:rtpx_event, upload, json}, state), do: json |> JSON.decode!() |> heard(upload, state)
  def handle_info({:EXIT, _from, :normal}, state), do: {:noreply, state}
  def handle_info({:EXIT, _from, reason}, state), do: {:stop, reason, state}
  def handle_info(_message, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state), do: Native.close(state.native)

  defp heard(%{"event" => "upload_" <> how} = event, upload, state) do
    {ref, uploads} = Map.pop(state.uploads, upload)
    kind = if how == "complete", do: :upload_complete, else: :upload_failed
    manifest = event["manifest"] |> Manifest.from_json!() |> rename(state)
    send(state.owner, {:ex_webrtc_recorder, self(), {kind, ref, manifest}})
    {:noreply, %{state | uploads: uploads}}
  end

  defp heard(%{"event" => name} = event, _upload, state) do
    if state.events? do
      send(state.owner, {:ex_webrtc_recorder, self(), {:rtpx_event, event}})
    else
      log(name, event)
    end

    # A supervisor starts anew, and on_start adds the tracks again.
    if name == "failed", do: {:stop, {:storage_failed, event["error"]["message"]}, state}, else: {:noreply, state}
  end

  defp log(name, _event) when name in ["track_flow", "unknown_target"], do: :ok
  defp log("disk_space", %{"level" => "ok"}), do: :ok
  defp log(_name, event), do: Logger.warning("Recorder: #{JSON.encode!(event)}")

  defp add(tracks, state) do
    json = tracks |> Enum.map(&describe/1) |> JSON.encode!()

    case Native.add_tracks(state.native, json) do
      {:ok, json} ->
        state = %{state | ids: Enum.reduce(tracks, state.ids, &Map.put(&2, to_string(&1.id), &1.id))}

        for track <- tracks do
          {:ok, native} = Native.track(state.native, to_string(track.id), track.rids)
          Tracks.put(self(), track.id, native)
        end

        {{:ok, manifest(json, state)}, state}

      {:error, reason} ->
        {{:error, reason}, state}
    end
  end

  defp describe(track) do
    more = track |> Map.take([:codecs, :header_extensions]) |> Map.reject(fn {_key, value} -> is_nil(value) end)
    Map.merge(%{id: to_string(track.id), kind: track.kind, streams: track.streams, rids: track.rids}, more)
  end

  defp manifest(json, state), do: json |> JSON.decode!() |> Manifest.from_json!() |> rename(state)

  # Ids as they were given: integers, usually.
  defp rename(manifest, state), do: Map.new(manifest, fn {id, track} -> {Map.get(state.ids, id, id), track} end)
end
