# allowed by hand: lifts what is banned inside, spares until it ends
show record list
at 0s    ready
at 0s    flow 192.0.2.9:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.9 1h submission 31>30 concurrent
expect ban 192.0.2.9 submission 31>30 concurrent
expect record ban 192.0.2.9 1h
at 1s    ban 192.0.2.64/26
expect list blocked
expect ban 192.0.2.64/26 operator
expect record listed blocked 192.0.2.64/26 1h
at 2s    allow 192.0.2.0/24 10m
expect list allowed
expect record listed allowed 192.0.2.0/24 10m
expect delete 192.0.2.9
expect unban 192.0.2.9 allow list
expect record ban-end 192.0.2.9 lifted
expect list blocked
expect unban 192.0.2.64/26 allow list
expect record listed-end blocked 192.0.2.64/26 lifted
expect result lifted 2
at 3s    flow 192.0.2.9:1032 -> 198.51.100.1:587 open
expect exempt 192.0.2.9 allow list
at 3s    allow 192.0.2.9
expect result covered 192.0.2.0/24
at 3s    ban 192.0.2.7
expect result never-listed
at 602s  wait
expect list allowed
expect record listed-end allowed 192.0.2.0/24 expired
# nobody connected: the next dump is when it is judged again
at 660s  dump begin
at 660s  dump 192.0.2.9:1001-1032 -> 198.51.100.1:587 established
at 660s  dump end
expect add 192.0.2.9 1h submission 32>30 concurrent
expect ban 192.0.2.9 submission 32>30 concurrent
expect record ban 192.0.2.9 1h
at 661s  disallow 192.0.2.0/24
expect result not-listed
