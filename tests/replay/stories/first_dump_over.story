# already over the limit when we start
at 0s     local 198.51.100.1 added
at 0s     dump begin
at 0s     dump 192.0.2.9:1001-1012 established
expect resolve 192.0.2.9
at 0.01s  answer 192.0.2.9 none
at 0.02s  dump end
expect add 192.0.2.9 1h smtp 12>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 12>10 concurrent; no PTR
check source 192.0.2.9 smtp new 0
