# closes that were never heard: the next reconcile finds them
at 0s     ready
at 0s     flow 192.0.2.9:1001-1005 open
at 0s     flow 192.0.2.8:1001-1100 syn
at 60s    dump begin
at 60s    dump end
check flows 0
check established 0
check half_open 0
check drift_removed 105
check source 192.0.2.9 smtp concurrent 0 half_open 0
check source 192.0.2.8 smtp concurrent 0 half_open 0
