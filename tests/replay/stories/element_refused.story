# the kernel does not take the element: counted, the ban stays wanted
at 0s  ready
at 0s  flow 192.0.2.9:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.9 1h submission 31>30 concurrent
expect ban 192.0.2.9 submission 31>30 concurrent
at 1s  element 192.0.2.9 refused
check elements_refused 1
check bans 1
