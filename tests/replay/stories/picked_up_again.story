# somebody runs conntrack -D: the connections that go on are counted, but are no new handshakes
set smtp.concurrent off
at 0s    ready
at 0s    flow 192.0.2.9:1001-1010 open
expect resolve 192.0.2.9
at 0.1s  answer 192.0.2.9 none
at 100s  flow 192.0.2.9:1001-1010 closed
at 101s  flow 192.0.2.9:1001-1010 picked-up
check source 192.0.2.9 smtp concurrent 0 half_open 10 new 10
at 102s  flow 192.0.2.9:1001-1010 established
check source 192.0.2.9 smtp concurrent 10 half_open 0 new 10 standing normal
# the same without the events of the deletion
at 103s  flow 192.0.2.9:1001-1010 picked-up
at 104s  flow 192.0.2.9:1001-1010 established
check source 192.0.2.9 smtp concurrent 10 half_open 0 new 10 standing normal
at 105s  flow 192.0.2.9:1011 open
expect add 192.0.2.9 1h smtp 11>10 new/300s; no PTR
expect ban 192.0.2.9 smtp 11>10 new/300s; no PTR
