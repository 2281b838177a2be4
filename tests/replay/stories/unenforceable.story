# the ruleset cannot be loaded: as under observe, and judged again when it can
at 0s   ready
at 0s   unenforceable
at 1s   flow 192.0.2.9:1001-1031 -> 198.51.100.1:587 open
expect observe 192.0.2.9 submission 31>30 concurrent because no table
check source 192.0.2.9 submission standing over-limit
at 30s  enforceable
at 31s  dump begin
at 31s  dump 192.0.2.9:1001-1031 -> 198.51.100.1:587 established
at 31s  dump end
expect add 192.0.2.9 1h submission 31>30 concurrent
expect ban 192.0.2.9 submission 31>30 concurrent
