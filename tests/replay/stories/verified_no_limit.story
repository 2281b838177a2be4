# verified_concurrent = 0: none
set smtp.verified_concurrent 0
at 0s     ready
at 0s     flow 192.0.2.9:1001-1500 open
expect resolve 192.0.2.9
at 0.02s  answer 192.0.2.9 verified mail.example.net
expect exempt 192.0.2.9 verified name
check source 192.0.2.9 smtp concurrent 500 standing exempt
