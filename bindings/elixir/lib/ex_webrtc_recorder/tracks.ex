defmodule ExWebRTC.Recorder.Tracks do
  @moduledoc false
  # Where record/4 finds a track's NIF resource: one look-up in a table that every process reads, no message.
  use GenServer

  @table __MODULE__

  def start_link(_args), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc "Forgets the tracks of `pid` when it has ended."
  def own(pid), do: GenServer.call(__MODULE__, {:own, pid})

  def put(pid, track_id, native), do: :ets.insert(@table, {{pid, track_id}, native})

  def find(pid, track_id) do
    case :ets.lookup(@table, {pid, track_id}) do
      [{_key, native}] -> {:ok, native}
      [] -> :error
    end
  end

  @impl true
  def init(nil) do
    :ets.new(@table, [:named_table, :public, read_concurrency: true])
    {:ok, nil}
  end

  @impl true
  def handle_call({:own, pid}, _from, state) do
    Process.monitor(pid)
    {:reply, :ok, state}
  end

  @impl true
  def handle_info({:DOWN, _ref, :process, pid, _reason}, state) do
    :ets.match_delete(@table, {{pid, :_}, :_})
    {:noreply, state}
  end
end
