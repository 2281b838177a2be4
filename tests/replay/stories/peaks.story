# what sources reached, day by day: told in time, once, and on the day it was reached
show peak
at 0s    ready
at 0s    day 1d
at 1s    flow 192.0.2.9:1001-1007 -> 198.51.100.1:587 open
at 1s    flow 192.0.2.8:1001 open
at 2s    flow 192.0.2.9:1001-1002 -> 198.51.100.1:587 closed
at 302s  wait
expect peak 192.0.2.9 submission concurrent 7 new 7 unknown of day 1d
at 303s  flow 192.0.2.9:1001 -> 198.51.100.1:587 open
at 700s  wait
# midnight: five connections and the last one are still there
at 701s  flow 192.0.2.9:2001-2004 -> 198.51.100.1:587 open
at 702s  day 2d
at 703s  wait
expect peak 192.0.2.9 submission concurrent 10 new 7 unknown of day 1d
at 710s  tell-peaks
expect peak 192.0.2.9 submission concurrent 10 new 0 unknown of day 2d
at 711s  flow 192.0.2.9:2001-2004 -> 198.51.100.1:587 closed
at 712s  flow 192.0.2.9:2001-2004 -> 198.51.100.1:587 open
at 1100s wait
expect peak 192.0.2.9 submission concurrent 10 new 8 unknown of day 2d
at 1101s tell-peaks
