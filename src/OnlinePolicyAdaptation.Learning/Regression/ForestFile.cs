using System.Security.Cryptography;
using OnlinePolicyAdaptation.Domain;
using OnlinePolicyAdaptation.Domain.Mdp;

namespace OnlinePolicyAdaptation.Learning.Regression;

/// <summary>A random forest as a file. A forest that is loaded predicts the same bits as the one that was saved.</summary>
/// <remarks>
/// Binary, because thresholds and values are to come back bit for bit and 120 trees of 600 nodes are 0.9 MB this way, four
/// times that as JSON. Little-endian:
/// <code>
/// magic      8 bytes "OPAFORST"
/// version    int32   1
/// names      int32 count, then per name an int32 length and UTF-8: features, then targets
/// options    int32 Trees, MinSamplesLeaf, MaxDepth (-1: none), FeaturesPerSplit (-1: all)
/// key        uint64
/// trees      Trees times: int32 nodes; int32 feature of each node, -1 at a leaf; double threshold of each split;
///            double value of each leaf and target. Nodes, splits and leaves in breadth-first order.
/// checksum   32 bytes, SHA-256 of all before, against accidents, not against forgery
/// </code>
/// There are no child indices to be wrong: breadth-first order implies them. <see cref="ForestOptions.Threads"/> is no part of
/// a forest and is not recorded, so that equal forests make equal files; a forest that is loaded says 1.
/// </remarks>
public static class ForestFile
{
    private const int Version = 1;
    private const int None = -1;
    private const int MinTreeBytes = 3 * sizeof(int);

    private static ReadOnlySpan<byte> Magic => "OPAFORST"u8;

    /// <summary>Saves a forest, in place of what the path held before; a reader finds the old file or the new one whole.</summary>
    /// <exception cref="BadInputException">There is no such folder.</exception>
    /// <exception cref="IOException">It cannot be written; the path then holds what it held before.</exception>
    /// <exception cref="UnauthorizedAccessException">Nor may it be.</exception>
    public static void Save(RandomForest forest, string path)
    {
        var bytes = Write(forest);
        AtomicFile.WriteBytes(path, stream => stream.Write(bytes));
    }

    /// <summary>Loads a forest.</summary>
    /// <exception cref="BadInputException">
    /// There is no such file, it cannot be read, or it is not whole and unchanged as saved; the message names the file and
    /// what was expected.
    /// </exception>
    public static RandomForest Load(string path) =>
        Read(GivenFile.ReadBytes(path, "a random forest", Array.MaxLength), path);

    /// <summary>The bytes of a file, to be kept within another.</summary>
    public static byte[] Write(RandomForest forest)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Magic);
        writer.Write(Version);
        WriteNames(writer, forest.FeatureNames);
        WriteNames(writer, forest.TargetNames);
        writer.Write(forest.Options.Trees);
        writer.Write(forest.Options.MinSamplesLeaf);
        writer.Write(forest.Options.MaxDepth ?? None);
        writer.Write(forest.Options.FeaturesPerSplit ?? None);
        writer.Write(forest.Key.Value);
        foreach (var tree in forest.Trees)
        {
            WriteTree(writer, tree);
        }
        writer.Flush();
        writer.Write(SHA256.HashData(stream.GetBuffer().AsSpan(0, (int)stream.Length)));
        writer.Flush();
        return stream.ToArray();
    }

    /// <summary>The forest of such bytes.</summary>
    /// <param name="file">As written by <see cref="Write"/>.</param>
    /// <param name="name">Names the bytes in messages.</param>
    /// <exception cref="BadInputException">They are not whole and unchanged as written.</exception>
    public static RandomForest Read(ReadOnlySpan<byte> file, string name)
    {
        var reader = new ForestReader(file, name);
        if (!reader.Bytes(Magic.Length, "the mark OPAFORST").SequenceEqual(Magic))
        {
            throw reader.Bad("this is no random forest, expected it to begin with OPAFORST");
        }
        reader.Int32("version", Version, Version);
        reader.VerifyChecksum();
        var featureNames = ReadNames(ref reader, "features");
        var targetNames = ReadNames(ref reader, "targets");
        var options = ReadOptions(ref reader, featureNames.Count);
        var key = new RandomKey(reader.UInt64("key"));
        reader.CheckRoom(options.Trees, MinTreeBytes, "trees");
        var trees = new RegressionTree[options.Trees];
        for (var i = 0; i < trees.Length; i++)
        {
            trees[i] = ReadTree(ref reader, featureNames.Count, targetNames.Count);
        }
        reader.CheckEnd();
        return new(featureNames, targetNames, options, key, trees);
    }

    private static void WriteNames(BinaryWriter writer, EquatableArray<string> names)
    {
        writer.Write(names.Count);
        foreach (var name in names)
        {
            var bytes = ForestReader.Utf8.GetBytes(name);
            writer.Write(bytes.Length);
            writer.Write(bytes);
        }
    }

    private static EquatableArray<string> ReadNames(ref ForestReader reader, string what)
    {
        var count = reader.Int32($"number of {what}", 1, int.MaxValue);
        reader.CheckRoom(count, sizeof(int), what);
        var names = new string[count];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = reader.Text($"name {i} of the {what}");
        }
        return names.ToEquatableArray();
    }

    private static ForestOptions ReadOptions(ref ForestReader reader, int features)
    {
        var trees = reader.Int32("number of trees", 1, int.MaxValue);
        var minSamplesLeaf = reader.Int32("MinSamplesLeaf", 1, int.MaxValue);
        var maxDepth = reader.Int32("MaxDepth", None, int.MaxValue);
        var featuresPerSplit = reader.Int32("FeaturesPerSplit", None, features);
        if (featuresPerSplit == 0)
        {
            throw reader.Bad("FeaturesPerSplit is 0, expected -1 or at least 1");
        }
        return new()
        {
            Trees = trees,
            MinSamplesLeaf = minSamplesLeaf,
            MaxDepth = maxDepth == None ? null : maxDepth,
            FeaturesPerSplit = featuresPerSplit == None ? null : featuresPerSplit,
        };
    }

    private static void WriteTree(BinaryWriter writer, RegressionTree tree)
    {
        writer.Write(tree.Nodes);
        for (var node = 0; node < tree.Nodes; node++)
        {
            writer.Write(tree.Feature(node));
        }
        for (var node = 0; node < tree.Nodes; node++)
        {
            if (!tree.IsLeaf(node))
            {
                writer.Write(tree.Threshold(node));
            }
        }
        for (var node = 0; node < tree.Nodes; node++)
        {
            if (tree.IsLeaf(node))
            {
                foreach (var value in tree.Value(node))
                {
                    writer.Write(value);
                }
            }
        }
    }

    private static RegressionTree ReadTree(ref ForestReader reader, int featureCount, int outputs)
    {
        var nodes = reader.Int32("number of nodes", 1, int.MaxValue);
        reader.CheckRoom(nodes, sizeof(int), "nodes");
        var features = new int[nodes];
        var splits = 0;
        for (var node = 0; node < nodes; node++)
        {
            features[node] = reader.Int32($"feature of node {node}", RegressionTree.Leaf, featureCount - 1);
            splits += features[node] == RegressionTree.Leaf ? 0 : 1;
            // A node exists once the splits before it have made a place for it.
            if (node + 1 < nodes && node + 1 > 2L * splits)
            {
                throw reader.Bad($"a tree ends at node {node}, expected it to have {nodes} nodes");
            }
        }
        if (nodes != (2L * splits) + 1)
        {
            throw reader.Bad($"a tree of {splits} splits has {nodes} nodes, expected {(2L * splits) + 1}");
        }
        var thresholds = reader.Doubles(splits, "thresholds");
        var leafValues = reader.Doubles((splits + 1L) * outputs, "values of leaves");
        return new(features, thresholds, leafValues, outputs);
    }
}
