# verified sources have a limit of their own
at 0s     ready
at 0s     flow 192.0.2.9:1001-1100 open
expect resolve 192.0.2.9
at 0.02s  answer 192.0.2.9 verified mail.example.net
expect exempt 192.0.2.9 verified name
at 1s     flow 192.0.2.9:1101 open
expect add 192.0.2.9 1h smtp 101>100 verified_concurrent; PTR verified
expect ban 192.0.2.9 smtp 101>100 verified_concurrent; PTR verified
