# who came in by name has the limits of a verified source
set smtp.reverse_dns require
set smtp.new off
set smtp.verified_concurrent 12
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1.01s  answer 192.0.2.9 verified mail.example.net
expect accept 1
at 2s     flow 192.0.2.9:1001-1012 open
expect exempt 192.0.2.9 verified name
at 3s     flow 192.0.2.9:1013 open
expect add 192.0.2.9 1h smtp 13>12 verified_concurrent; PTR verified
expect ban 192.0.2.9 smtp 13>12 verified_concurrent; PTR verified
# what comes to the queue in spite of the ban
at 3.1s   packet 2 192.0.2.9
expect drop 2
# banned while it waits
at 4s     packet 3 192.0.2.10
expect resolve 192.0.2.10
at 4.1s   ban 192.0.2.10 1h
expect add 192.0.2.10 1h operator
expect ban 192.0.2.10 operator
at 4.2s   answer 192.0.2.10 verified
expect drop 3
check gate dropped 2
at 5s     ban 192.0.2.0/24 1h
expect ban 192.0.2.0/24 operator
at 5.1s   packet 4 192.0.2.77
expect drop 4
