# three failures over ten seconds while the resolver is healthy: no longer unknown
set smtp.new off
at 0s     ready
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 1s     answer 192.0.2.9 failed
at 6.9s   wait
expect exempt 192.0.2.9 reverse DNS unknown
expect resolve 192.0.2.9
at 7s     answer 192.0.2.9 failed
check source 192.0.2.9 smtp standing resolving
at 12.9s  wait
expect resolve 192.0.2.9
at 13s    answer 192.0.2.9 failed
expect add 192.0.2.9 1h smtp 11>10 concurrent; PTR lookups fail
expect ban 192.0.2.9 smtp 11>10 concurrent; PTR lookups fail
