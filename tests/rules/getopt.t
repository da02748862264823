# getopt(list, options): options and their values in order; getopt(...)[x]: the value of one.

scene
  proc pid=10 name=nc exe=nc args="-l -p 80"
  event close exit @tid=10 res=0 fd=3

true getopt(("-n", ""), "n") intersects ("n")
true getopt(("-t", "hello"), "t:") intersects ("hello")
true getopt(("-t", "hello"), "t:") in ("t", "hello")
true getopt(("-nt", "hello"), "nt:") in ("n", "t", "hello")
true getopt(("-thello"), "t:") in ("t", "hello")
false getopt(("-n"), "n") intersects ("t")
true getopt(("-n", "--", "-t"), "nt:") in ("n")
false getopt(("-n", "--", "-t"), "nt:") intersects ("t")
# Long options are passed over; the first word that is no option ends them.
true getopt(("--exec", "-n"), "n") in ("n")
false getopt(("word", "-n"), "n") intersects ("n")
false getopt(("-", "-n"), "n") intersects ("n")
# Unknown ones give "?".
true getopt(("-x", "-n"), "n") in ("?", "n")
true getopt(("-x"), "n") intersects ("?")
# A value that is not there is empty.
true getopt(("-t"), "t:") in ("")
true getopt(("-t"), "t:") intersects ("")
true getopt(("-lpe", "/bin/sh"), "lpe:") in ("l", "p", "e", "/bin/sh")
true len(getopt(("-abc"), "abc")) = 3
true len(getopt((""), "a")) = 0
true len(getopt((), "a")) = 0
true getopt((), "a") in ("x")
true getopt((), "a") exists
true getopt(("-p", "80", "-p", "81"), "p:")[p] = 81
true getopt(("-p", "80"), "p:")[p] = 80
true getopt(("-p80"), "p:")[p] = 80
true getopt(("-l"), "lp:")[l] = l
false getopt(("-l"), "lp:")[p] exists
false getopt(("-l"), "lp:")[p] != 80
true getopt((toupper("-p"), "80"), "P:")[P] = 80
true getopt(("-a-b"), "ab") in ("a", "?", "b")
true join(",", (getopt(("-nt", "x"), "nt:"))) = "n,t,x"
true toupper(getopt(("-n"), "n")) in ("N")
error getopt(("-n"), "n") = n => filter error: '=' operator not supported list filters
error getopt(("-n"), fd.types) in (n) => getopt() second argument (optstring) must be a single value
error getopt((proc.pid), "n") in (n) => getopt() arguments must be strings
error getopt(("-n"), "n")[nn] = n => getopt() field argument must be a single option character
error getopt(("-n")) in (n) => expected a ',' token after getopt's list
error getopt() in (n) => expected
error getopt(("-n"), "n", "x") in (n) => expected a ')' token closing the transformer
