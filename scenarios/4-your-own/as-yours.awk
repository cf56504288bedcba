# From the columns that `opar record` writes for this template to those of a made-up monitoring system.
BEGIN {
  FS = ","
  print "shop_requests,shop_replies,shop_ms,search_requests,search_replies,search_ms,reports_requests,reports_replies,reports_ms,shop_to_node_1_percent,node_1_cpu_m,node_2_3_cpu_m,reports_refused"
}
NR > 1 {
  printf "%.2f,%.2f,%.0f,%.2f,%.2f,%.0f,%.2f,%.2f,%.0f,%d,%d,%d,%s\n", \
    $2, $6, 1000 * $7, $9, $12, 1000 * $13, $15, $17, 1000 * $18, 100 * $4, 1000 * $5, 1000 * $11, $16
}
