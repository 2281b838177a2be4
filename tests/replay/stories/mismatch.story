# a PTR whose name does not resolve back does not exempt
at 0s     ready
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 0.02s  answer 192.0.2.9 mismatch dsl-9.example.net
expect add 192.0.2.9 1h smtp 11>10 concurrent; PTR does not resolve back
expect ban 192.0.2.9 smtp 11>10 concurrent; PTR does not resolve back
