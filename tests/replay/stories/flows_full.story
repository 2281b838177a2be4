# half-open connections make room for others, established ones never do
set sources.max_flows 8
set smtp.new off
at 0s  ready
at 0s  flow 192.0.2.9:1001-1008 syn
at 1s  flow 192.0.2.8:1001-1004 open
check source 192.0.2.9 smtp half_open 4
check source 192.0.2.8 smtp concurrent 4
check flows_evicted 4
at 2s  flow 192.0.2.7:1001-1004 -> 198.51.100.1:587 open
at 3s  flow 192.0.2.6:1001 syn
check flows_full 1
check flows 8
check half_open 0
check established 8
