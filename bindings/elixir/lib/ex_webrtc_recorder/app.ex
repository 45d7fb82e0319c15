defmodule ExWebRTC.Recorder.App do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args), do: Supervisor.start_link([ExWebRTC.Recorder.Tracks], strategy: :one_for_one)
end
