# while a dump runs, an event is newer than the dump's line about the same connection
at 0s     ready
at 0s     flow 192.0.2.9:1001-1005 open
at 1s     dump begin
at 1s     flow 192.0.2.9:1001 closed
at 1s     flow 192.0.2.9:1006 open
expect resolve 192.0.2.9
at 1s     dump 192.0.2.9:1001-1005 established
at 1s     dump end
check source 192.0.2.9 smtp concurrent 5 new 6 peak 5
check drift_added 0
check drift_removed 0
check flows 5
