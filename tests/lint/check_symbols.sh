#!/bin/sh
# Fails if module foo.c exports a name that does not begin with foo_, or two files have one name (STYLE 2).
# check_symbols.sh BUILD_FOLDER SOURCE_FOLDER
set -eu
status=0
for folder in base watch format postgres profile dump replay doctor tools; do
    for object in "$1/$folder/lib$folder.a.p"/*.c.o; do
        [ -e "$object" ] || continue
        module=$(basename "$object" .c.o)
        case $module in meson-generated_*) continue ;; esac
        [ -e "$2/$folder/$module.c" ] || module=${module#*_} # the object of part/module.c is part_module.c.o
        for name in $(nm -g --defined-only "$object" | awk '{print $3}'); do
            case $name in
            "$module" | "$module"_*) ;;
            *_release) ;; # OWNED(type) finds it by the name of the type
            __odr_asan* | __asan* | _ZTI*) ;; # of a sanitizer
            *)
                echo "$folder/$module.c exports $name"
                status=1
                ;;
            esac
        done
    done
done
twice=$(cd "$2" && find base watch format postgres profile dump replay doctor tools tests -name '*.[ch]' ! -name main.c -exec basename {} \; | sort | uniq -d)
if [ -n "$twice" ]; then
    echo "two files have one name: $twice"
    status=1
fi
exit $status
