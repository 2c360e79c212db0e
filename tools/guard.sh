#!/bin/sh
# Cleans up behind a test, however that ends: guard.sh DIR waits until its input closes, then ends the
# processes that it was told of (a line each: pid and start time), unmounts what is mounted in DIR and
# removes it. The line "keep" leaves DIR as it is.
set -u
dir=$1 known='' keep=''
case $dir in
/*/brindle-*) ;;
*) echo "guard.sh: not a folder of ours: $dir" >&2 && exit 2 ;;
esac
while read -r pid start; do
    if [ "$pid" = keep ]; then keep=1; else known="$known $pid:$start"; fi
done
for one in $known; do
    # a pid may have been given to somebody else since
    start=$(sed 's/.*) //' "/proc/${one%:*}/stat" 2>/dev/null | cut -d' ' -f20)
    [ "$start" != "${one#*:}" ] || kill -KILL "${one%:*}" 2>/dev/null
done
[ -z "$keep" ] || exit 0
cut -d' ' -f2 /proc/mounts | grep -E "^$dir(/|\$)" | sort -r | while read -r mounted; do
    umount -l "$mounted"
done
rm -rf "$dir"
