%% Erlang distribution: `!` and gen_server:call between two nodes.
%%
%%   erl ... -run erlang_peer serve                 prints ready
%%   erl ... -run erlang_peer ask NODE one-way|request N SECONDS
%%   erl ... -run erlang_peer idle                  KiB that an idle process takes
-module(erlang_peer).
-behaviour(gen_server).
-export([serve/0, ask/1, idle/0, init/1, handle_call/3, handle_cast/2,
         handle_info/2]).

serve() ->
    {ok, _} = gen_server:start({local, echo}, ?MODULE, [], []),
    register(sink, spawn(fun() -> sink(0) end)),
    say("ready ~n", []).

init(_) -> {ok, none}.
handle_call(sink, _From, State) -> {reply, whereis(sink), State};
handle_call(Payload, _From, State) -> {reply, Payload, State}.
handle_cast(_, State) -> {noreply, State}.
handle_info(_, State) -> {noreply, State}.

sink(N) ->
    receive
        {data, _} -> sink(N + 1);
        {count, From} -> From ! {count, N}, sink(N)
    end.

ask([Node, What, Outstanding, Seconds]) ->
    Server = list_to_atom(Node),
    true = net_kernel:connect_node(Server),
    Payload = binary:copy(<<"x">>, 100),
    Load = {erlang:monotonic_time(), list_to_float(Seconds)},
    case What of
        "one-way" ->
            flood(gen_server:call({echo, Server}, sink), Payload, Load);
        "request" ->
            Count = list_to_integer(Outstanding),
            requests({echo, Server}, Payload, Count, Load)
    end,
    halt(0).

%% Half a second until it is warm, then so many seconds.
phase({Begun, Seconds}) ->
    Since = (erlang:monotonic_time() - Begun)
            / erlang:convert_time_unit(1, second, native),
    if Since < 0.5 -> warming;
       Since < 0.5 + Seconds -> measuring;
       true -> over
    end.

%% No more than some thousands are under way.
flood(Sink, Payload, Load) -> flood(Sink, Payload, Load, 0, 0, warming, none).

flood(Sink, Payload, Load, Sent, Seen, Was, Start) ->
    send_many(Sink, {data, Payload}, 1000),
    Sink ! {count, self()},
    Now = seen(Sent + 1000, Seen),
    case {Was, phase(Load)} of
        {warming, measuring} ->
            say("begin~n", []),
            flood(Sink, Payload, Load, Sent + 1000, Now, measuring,
                  {erlang:monotonic_time(), Now});
        {measuring, over} ->
            {Since, First} = Start,
            finish(Now - First, Since, []);
        {_, _} ->
            flood(Sink, Payload, Load, Sent + 1000, Now, Was, Start)
    end.

send_many(_, _, 0) -> ok;
send_many(To, X, N) -> To ! X, send_many(To, X, N - 1).

seen(Sent, Seen) when Sent - Seen > 10000 ->
    receive {count, N} -> seen(Sent, N) end;
seen(_, Seen) -> Seen.

%% A process for each that is outstanding.
requests(Server, Payload, Outstanding, Load) ->
    Main = self(),
    All = [spawn_link(fun() -> asker(Main, Server, Payload, Load, []) end)
           || _ <- lists:seq(1, Outstanding)],
    wait_for(measuring, Load),
    Since = erlang:monotonic_time(),
    say("begin~n", []),
    Times = lists:append([receive {Pid, X} -> X end || Pid <- All]),
    finish(length(Times), Since, lists:sort(Times)).

wait_for(Phase, Load) ->
    case phase(Load) of
        Phase -> ok;
        _ -> timer:sleep(1), wait_for(Phase, Load)
    end.

asker(Main, Server, Payload, Load, Times) ->
    Sent = erlang:monotonic_time(),
    Payload = gen_server:call(Server, Payload, infinity),
    Took = erlang:monotonic_time() - Sent,
    case phase(Load) of
        warming -> asker(Main, Server, Payload, Load, Times);
        measuring -> asker(Main, Server, Payload, Load, [Took | Times]);
        over -> Main ! {self(), Times}
    end.

finish(Messages, Since, Times) ->
    Wall = (erlang:monotonic_time() - Since)
           / erlang:convert_time_unit(1, second, native),
    Sorted = list_to_tuple(Times),
    At = fun(_) when Times =:= [] -> 0.0;
            (Q) -> erlang:convert_time_unit(
                     element(1 + trunc(Q * (tuple_size(Sorted) - 1)), Sorted),
                     native, nanosecond) / 1000
         end,
    say("end {\"messages\": ~b, \"failed\": 0, \"seconds\": ~.6f, "
        "\"p50_us\": ~.2f, \"p99_us\": ~.2f, \"p999_us\": ~.2f}~n",
        [Messages, Wall, At(0.5), At(0.99), At(0.999)]).

idle() ->
    Before = erlang:memory(total),
    All = [begin {ok, X} = gen_server:start(?MODULE, [], []), X end
           || _ <- lists:seq(1, 20000)],
    [x = gen_server:call(X, x) || X <- All],
    say("end {\"kib\": ~.3f}~n",
        [(erlang:memory(total) - Before) / 1024 / length(All)]),
    halt(0).

say(Format, Values) -> io:format(Format, Values).
