# connections of different services are not added up
at 0s     ready
at 0s     flow 192.0.2.9:1001-1010 open
expect resolve 192.0.2.9
at 0.1s   answer 192.0.2.9 none
at 1s     flow 192.0.2.9:1011-1030 -> 198.51.100.1:465 open
at 1s     flow 192.0.2.9:1031-1040 -> 198.51.100.1:587 open
check source 192.0.2.9 smtp concurrent 10 standing normal
check source 192.0.2.9 submission concurrent 30 standing normal
# a port nobody guards
at 2s     flow 192.0.2.9:2001-2100 -> 198.51.100.1:993 open
check flows 40
