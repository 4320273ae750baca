import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.DateTimeException;
import java.time.ZoneId;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;
import org.joda.time.DateTime;
import org.joda.time.chrono.ISOChronology;
import org.joda.time.format.DateTimeFormatter;
import org.joda.time.format.ISODateTimeFormat;

/**
 * What Trino 476's from_iso8601_timestamp answers, in a session whose zone is UTC: a text a line, its
 * characters beyond ASCII's printable ones, and backslashes, as Java escapes them; then UTC
 * milliseconds, or - where the query fails.
 *
 * As DateTimeFunctions.fromISO8601Timestamp has it, the parser is Joda-Time's; the result is packed
 * with a zone that Trino knows (TimeZoneKey.getTimeZoneKey), and 52 bits of milliseconds.
 *
 * To make instants.tsv again, after adding a line to it for instance (Java 17, Maven):
 *
 *   mvn dependency:copy -Dartifact=joda-time:joda-time:2.14.0 -DoutputDirectory=build/joda
 *   mvn dependency:copy -Dartifact=io.trino:trino-spi:476 -DoutputDirectory=build/joda
 *   cut -f1 instants.tsv | java -cp "build/joda/*" Instants.java >again && mv again instants.tsv
 */
public class Instants {
    public static void main(String[] arguments) throws Exception {
        DateTimeFormatter parser =
                ISODateTimeFormat.dateTimeParser()
                        .withChronology(ISOChronology.getInstanceUTC())
                        .withOffsetParsed();
        Set<String> zones = zones();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "US-ASCII"));
        PrintStream out = new PrintStream(System.out, false, "US-ASCII");
        for (String line; (line = lines.readLine()) != null; ) {
            out.print(line + "\t" + answer(parser, zones, unescape(line)) + "\n");
        }
        out.flush();
    }

    static String answer(DateTimeFormatter parser, Set<String> zones, String text) {
        DateTime found;
        try {
            found = parser.parseDateTime(text);
        } catch (IllegalArgumentException error) {
            return "-";
        }
        long millis = found.getMillis();
        if (millis << 12 >> 12 != millis) return "-";
        return isKnown(zones, found.getZone().getID()) ? Long.toString(millis) : "-";
    }

    static boolean isKnown(Set<String> zones, String id) {
        try {
            return zones.contains(id) || zones.contains(ZoneId.of(id).getId());
        } catch (DateTimeException error) {
            return false;
        }
    }

    static Set<String> zones() throws Exception {
        Properties index = new Properties();
        try (InputStream in =
                Instants.class.getResourceAsStream("/io/trino/spi/type/zone-index.properties")) {
            index.load(in);
        }
        Set<String> zones = new HashSet<>();
        for (Object zone : index.values()) zones.add(((String) zone).trim());
        zones.add("UTC");
        return zones;
    }

    static String unescape(String line) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < line.length(); i++) {
            if (line.charAt(i) == '\\') {
                text.append((char) Integer.parseInt(line.substring(i + 2, i + 6), 16));
                i += 5;
            } else {
                text.append(line.charAt(i));
            }
        }
        return text.toString();
    }
}
