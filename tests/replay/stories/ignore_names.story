# submission ignores names: banned without a question
at 0s     ready
at 0s     flow 192.0.2.9:1001-1030 -> 198.51.100.1:587 open
check source 192.0.2.9 submission concurrent 30 standing normal
at 1s     flow 192.0.2.9:1031 -> 198.51.100.1:465 open
expect add 192.0.2.9 1h submission 31>30 concurrent
expect ban 192.0.2.9 submission 31>30 concurrent
check source 192.0.2.9 smtp concurrent 0
