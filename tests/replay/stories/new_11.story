# eleven handshakes within 300 s, closed at once
at 0s      ready
at 0s      flow 192.0.2.9:1001-1010 pass every 1s
expect resolve 192.0.2.9
at 10s     answer 192.0.2.9 none
at 299.9s  flow 192.0.2.9:1011 syn
at 299.9s  flow 192.0.2.9:1011 established
expect add 192.0.2.9 1h smtp 11>10 new/300s; no PTR
expect ban 192.0.2.9 smtp 11>10 new/300s; no PTR
