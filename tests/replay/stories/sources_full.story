# a source that is over its limit is never forgotten; an evicted one is counted again by its next event
set sources.max_sources 2
set resolver.deadline 1h
set smtp.new off
at 0s  ready
at 0s  flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 0s  flow 192.0.2.1:1001-1003 open
at 1s  flow 192.0.2.2:1001 open
check source 192.0.2.9 smtp concurrent 11
check source 192.0.2.1 smtp concurrent 0
check established 15
at 2s  flow 192.0.2.1:1001-1003 established
check source 192.0.2.1 smtp concurrent 3
check source 192.0.2.2 smtp concurrent 0
check established 15
at 3s  flow 192.0.2.1:1001-1003 closed
at 3s  flow 192.0.2.2:1001 closed
at 3s  flow 192.0.2.9:1001-1011 closed
check established 0
check flows 0
