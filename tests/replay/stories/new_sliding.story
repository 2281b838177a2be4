# 10 at the end of one five-minute block and one at the beginning of the next: a tumbling window
# would see 10 and 1
at 0s      ready
at 290s    flow 192.0.2.9:1001-1010 pass
expect resolve 192.0.2.9
at 291s    answer 192.0.2.9 none
at 301s    flow 192.0.2.9:1011 pass
expect add 192.0.2.9 1h smtp 11>10 new/300s; no PTR
expect ban 192.0.2.9 smtp 11>10 new/300s; no PTR
