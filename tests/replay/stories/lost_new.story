# handshakes that were seen are seen: doubt about the counts does not save from `new`
at 0s     ready
at 0s     flow 192.0.2.9:1001-1010 pass
expect resolve 192.0.2.9
at 0.1s   answer 192.0.2.9 none
at 1s     lost
at 2s     flow 192.0.2.9:1011 pass
expect add 192.0.2.9 1h smtp 11>10 new/300s; no PTR
expect ban 192.0.2.9 smtp 11>10 new/300s; no PTR
