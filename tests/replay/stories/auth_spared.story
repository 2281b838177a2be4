# who authenticated is spared for its connections to submission, up to the limit of verified sources
set mail_logs.enabled on
set submission.new off
set smtp.new off
set smtp.reverse_dns ignore
set submission.verified_concurrent 40
at 0s      ready
at 0s      flow 192.0.2.9:1001 -> 198.51.100.1:587 open
at 1s      mail auth-success 192.0.2.9:1001
check auth 192.0.2.9 successes 1 authenticated 1
at 2s      flow 192.0.2.9:1002-1040 -> 198.51.100.1:587 open
expect exempt 192.0.2.9 authenticated
check source 192.0.2.9 submission concurrent 40 standing exempt
check mail spared 1 authenticated 1
# not where strangers' mail comes in
at 3s      flow 192.0.2.9:2001-2011 open
expect add 192.0.2.9 1h smtp 11>10 concurrent
expect ban 192.0.2.9 smtp 11>10 concurrent
at 10s     flow 192.0.2.8:1001 -> 198.51.100.1:587 open
at 10s     mail auth-success 192.0.2.8:1001
at 11s     flow 192.0.2.8:1002-1041 -> 198.51.100.1:587 open
expect exempt 192.0.2.8 authenticated
expect add 192.0.2.8 1h submission 41>40 verified_concurrent
expect ban 192.0.2.8 submission 41>40 verified_concurrent
# a line that somebody else may have written spares nobody
at 20s     flow 192.0.2.7:1001 -> 198.51.100.1:587 open
at 20s     mail auth-success 192.0.2.7:1001 or 203.0.113.5:2525
expect result tracked 192.0.2.7
at 21s     flow 192.0.2.7:1002-1031 -> 198.51.100.1:587 open
expect add 192.0.2.7 1h submission 31>30 concurrent
expect ban 192.0.2.7 submission 31>30 concurrent
# and it spares for trust.verified_for, and not those who guess passwords
at 30s     flow 192.0.2.6:1001-1030 -> 198.51.100.1:587 open
at 30s     mail auth-success 192.0.2.6:1001
at 3629s   flow 192.0.2.6:1031 -> 198.51.100.1:587 open
expect expire 192.0.2.9
expect expire 192.0.2.8
expect expire 192.0.2.7
expect exempt 192.0.2.6 authenticated
at 3630s   wait
check auth 192.0.2.6 authenticated 0
at 3631s   flow 192.0.2.6:1032 -> 198.51.100.1:587 open
expect add 192.0.2.6 1h submission 32>30 concurrent
expect ban 192.0.2.6 submission 32>30 concurrent
at 4000s   flow 192.0.2.5:1001 -> 198.51.100.1:587 open
at 4000s   mail auth-success 192.0.2.5:1001
at 4001s   mail auth-failure 192.0.2.5:1001 count 20
expect add 192.0.2.5 1h submission 20/20 auth-failures/3600s; user@example.com
expect ban 192.0.2.5 submission 20/20 auth-failures/3600s; user@example.com
