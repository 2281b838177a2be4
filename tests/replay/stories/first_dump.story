# connections found at the start are counted, but nobody knows when they came: not as new
at 0s     local 198.51.100.1 added
check in_doubt 1
at 0s     dump begin
at 0s     dump 192.0.2.9:1001-1010 established
expect resolve 192.0.2.9
at 0s     dump 192.0.2.8:1001-1005 syn
at 0.01s  dump end
check in_doubt 0
check source 192.0.2.9 smtp concurrent 10 new 0 standing normal
check source 192.0.2.8 smtp concurrent 0 half_open 5
check drift_added 0
at 0.02s  answer 192.0.2.9 none
at 1s     flow 192.0.2.9:1011 open
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
check source 192.0.2.9 smtp new 1
