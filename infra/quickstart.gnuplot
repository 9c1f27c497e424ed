# Draws quickstart.py's picture: what was sent and answered, and how fast. Needs folder and picture.
set terminal pngcairo size 1400,900 font "DejaVu Sans,11" background "white"
set output picture
set datafile separator "\t"
set tics nomirror out
set border 3 lc rgb "#606060"
set grid lc rgb "#e4e4e4" lt 1
set multiplot
set tmargin 3

reading = "#9ecae1"
mean = "#08519c"

set key top left horizontal
set xdata time
set timefmt "%Y/%m/%d %H:%M"
set ylabel "Temperature (°F)"

set label 1 "A year in Seattle: 12 sensors, one for each month" at graph 0, 1.05 left
set origin 0, 0.5
set size 1, 0.5
set format x "%b"
set xrange ["2010/01/01 00:00":"2010/12/31 23:59"]
set yrange [30:90]
plot folder."/readings" using 1:2 with lines lw 1 lc rgb reading title "readings", \
     folder."/readings" using 1:3 with lines lw 1.2 lc rgb mean title "mean of the last 10"

set label 1 "One week of it" at graph 0, 1.05 left
set origin 0, 0
set size 0.5, 0.5
set format x "%d %b"
set xtics 86400
set xrange ["2010/07/12 00:00":"2010/07/19 00:00"]
set yrange [50:85]
plot folder."/readings" using 1:2 with linespoints pt 7 ps 0.4 lw 1 lc rgb reading title "readings", \
     folder."/readings" using 1:3 with lines lw 2 lc rgb mean title "mean of the last 10"

set label 1 "Latency: share of the calls answered within" at graph 0, 1.05 left
set origin 0.5, 0
set xdata
set format x "%g"
set xtics auto
set logscale x
set xlabel "Milliseconds"
set ylabel "% of the calls"
set xrange [*:*]
set yrange [0:100]
set key bottom right vertical
plot folder."/thread" with lines lw 2 lc rgb "#1b9e77" title "thread", \
     folder."/prefork" with lines lw 2 lc rgb "#d95f02" title "prefork", \
     folder."/process" with lines lw 2 lc rgb "#7570b3" title "process"
unset multiplot
