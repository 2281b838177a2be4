# lowered limits are for those who are there already; raised ones lift nothing
at 0s  ready
at 0s  flow 192.0.2.9:1001-1020 -> 198.51.100.1:587 open
at 1s  flow 192.0.2.8:1001-1010 -> 198.51.100.1:587 open
set submission.concurrent 15
at 2s  reload
expect add 192.0.2.9 1h submission 20>15 concurrent
expect ban 192.0.2.9 submission 20>15 concurrent
check source 192.0.2.8 submission concurrent 10 new 10 peak 10 standing normal
set submission.concurrent 100
at 3s  reload
check source 192.0.2.9 submission concurrent 20 standing banned
check bans 1
# what was counted before the reload still counts
set submission.new 12/300s
at 4s  reload
at 5s  flow 192.0.2.8:1011-1012 -> 198.51.100.1:587 open
at 6s  flow 192.0.2.8:1013 -> 198.51.100.1:587 open
expect add 192.0.2.8 1h submission 13>12 new/300s
expect ban 192.0.2.8 submission 13>12 new/300s
