# the worker dies with the question: it is asked again
set smtp.new off
at 0s     ready
at 0s     flow 192.0.2.9:1001-1011 open
expect resolve 192.0.2.9
at 0.1s   resolver-gone
at 0.9s   wait
expect resolve 192.0.2.9
at 1s     answer 192.0.2.9 none
expect add 192.0.2.9 1h smtp 11>10 concurrent; no PTR
expect ban 192.0.2.9 smtp 11>10 concurrent; no PTR
