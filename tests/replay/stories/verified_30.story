# a provider whose name resolves back: 30 connections and any number of handshakes
at 0s     ready
at 0s     flow 192.0.2.9:1001-1030 open
expect resolve 192.0.2.9
check source 192.0.2.9 smtp concurrent 30 standing resolving
at 0.02s  answer 192.0.2.9 verified mail.example.net
expect exempt 192.0.2.9 verified name
check source 192.0.2.9 smtp concurrent 30 standing exempt
# said once
at 1s     flow 192.0.2.9:1031-1050 open
at 2s     flow 192.0.2.9:2001-2400 pass
check source 192.0.2.9 smtp concurrent 50 standing exempt
check bans 0
at 3s     flow 192.0.2.9:1001-1050 closed
check flows 0
